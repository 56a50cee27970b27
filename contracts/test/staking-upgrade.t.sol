// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {ERC1967Utils} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Utils.sol";

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {QUIVToken} from "../src/QUIVToken.sol";
import {QUIVerStaking} from "../src/QUIVerStaking.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {vm} from "./support/Vm.sol";

contract StakingUpgradeTest is StakingSetup {
    function test_UpgradeTakesTheTimelock() public {
        stakeAs(alice, 1_000 * QUIV);
        address next = address(new QUIVerStaking(address(token)));
        TimelockController timelock = roles.timelock();
        bytes memory call = abi.encodeCall(UUPSUpgradeable.upgradeToAndCall, (next, ""));

        vm.prank(multisig);
        timelock.schedule(address(staking), 0, call, 0, 0, 48 hours);
        skip(48 hours - 1);
        bytes32 id = timelock.hashOperation(address(staking), 0, call, 0, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockUnexpectedOperationState.selector, id, bytes32(uint256(1) << 2)
            )
        );
        vm.prank(multisig);
        timelock.execute(address(staking), 0, call, 0, 0);
        skip(1);
        vm.prank(multisig);
        timelock.execute(address(staking), 0, call, 0, 0);

        eq(implementation(), next, "the new one");
        eq(info(alice).staked, 1_000 * QUIV, "with all that was there");
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        staking.initialize(alice);
    }

    function test_UpgradeRejectsEverybodyElse() public {
        address next = address(new QUIVerStaking(address(token)));
        address[5] memory callers = [multisig, guardian, arbiter, alice, address(roles)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, callers[i]));
            vm.prank(callers[i]);
            staking.upgradeToAndCall(next, "");
        }
    }

    function test_UpgradeRejectsAnotherToken() public {
        address other = address(new QUIVToken(address(this)));
        address next = address(new QUIVerStaking(other));
        address timelock = address(roles.timelock());
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.WrongToken.selector, other));
        vm.prank(timelock);
        staking.upgradeToAndCall(next, "");
    }

    function test_UpgradeRejectsWhatCantBeUpgradedAgain() public {
        address next = address(new OnlyToken(address(token)));
        address timelock = address(roles.timelock());
        vm.expectRevert(abi.encodeWithSelector(ERC1967Utils.ERC1967InvalidImplementation.selector, next));
        vm.prank(timelock);
        staking.upgradeToAndCall(next, "");
    }

    function test_ImplementationIsSealed() public {
        QUIVerStaking sealed_ = QUIVerStaking(implementation());
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        sealed_.initialize(alice);
        vm.expectRevert(UUPSUpgradeable.UUPSUnauthorizedCallContext.selector);
        sealed_.upgradeToAndCall(alice, "");
    }

    function test_RejectsAddressesWithoutCode() public {
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.NotAContract.selector, alice));
        new QUIVerStaking(alice);

        address bare = address(0xBA4E);
        vm.etch(bare, implementation().code);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.NotAContract.selector, alice));
        QUIVerStaking(bare).initialize(alice);
    }

    /// @dev Each value where contracts/snapshots/QUIVerStaking.storage.json says, as earlier versions have stored it.
    function test_StorageStaysWhereItIs() public {
        vm.prank(alice);
        staking.stake(12_345 * QUIV, true);
        fund(1_000_000 * QUIV, 100 days);
        skip(1 days);
        vm.startPrank(alice);
        staking.setAutoCompound(true);
        staking.requestUnstake(345 * QUIV);
        vm.stopPrank();
        bytes32 id = reportFailures(alice, 7, 2);
        vm.prank(guardian);
        staking.pause();

        IQUIVerStaking.PoolInfo memory pool = staking.poolInfo();
        IQUIVerStaking.AccountInfo memory account = info(alice);
        uint256 first = word(bytes32(0));
        eq(uint96(first), pool.index, "index");
        eq(uint96(first >> 96), pool.totalWeight, "total weight");
        eq(uint40(first >> 192), block.timestamp, "updated at");
        eq(first >> 232, 1, "paused");
        uint256 second = word(bytes32(uint256(1)));
        eq(uint96(second), pool.reserve, "reserve");
        eq(uint96(second >> 96), pool.totalStaked, "total staked");
        eq(second >> 192, pool.endsAt, "ends at");

        uint256 position = word(keccak256(abi.encode(alice, 2)));
        eq(uint96(position), 12_000 * QUIV, "staked");
        eq(uint96(position >> 96), pool.index, "reward index");
        eq(uint16(position >> 192), 11_500, "weight");
        eq(uint8(position >> 208), 1, "provider");
        eq(uint8(position >> 216), 1, "open reports");
        eq(position >> 224, block.timestamp, "compoundable at");

        uint256 ledger = word(keccak256(abi.encode(alice, 3)));
        eq(uint96(ledger), account.pendingRewards, "rewards");
        eq(uint96(ledger >> 96), 345 * QUIV, "unbonding");
        eq(uint32(ledger >> 192), block.timestamp + 14 days, "unlock at");
        eq(ledger >> 224, block.timestamp + 10 days, "hold until");

        uint256 entry = word(keccak256(abi.encode(id, keccak256(abi.encode(alice, 4)))));
        eq(address(uint160(entry)), reporter, "reporter");
        eq(uint40(entry >> 160), 12_345_000, "base");
        eq(uint32(entry >> 200), block.timestamp, "proposed at");
        eq(uint16(entry >> 232), 100, "penalty");
        eq(entry >> 248, 1, "status");
        eq(bytes32(word(keccak256(abi.encode(bytes32(uint256(7)), keccak256(abi.encode(alice, 5)))))), id, "evidence");

        vm.prank(arbiter);
        staking.resolveSlash(alice, id, true);
        uint256 epoch = block.timestamp / 7 days;
        eq(word(keccak256(abi.encode(epoch, keccak256(abi.encode(alice, 6))))), 12_345 * QUIV / 100, "slashed in the epoch");
    }

    function word(bytes32 slot) private view returns (uint256) {
        return uint256(vm.load(address(staking), slot));
    }

    function implementation() private view returns (address) {
        return address(uint160(uint256(vm.load(address(staking), ERC1967Utils.IMPLEMENTATION_SLOT))));
    }
}

contract OnlyToken {
    address public immutable token;

    constructor(address token_) {
        token = token_;
    }
}

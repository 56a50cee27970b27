// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

import {IQUIVerStaking} from "../../src/interfaces/IQUIVerStaking.sol";
import {QUIVToken} from "../../src/QUIVToken.sol";
import {QUIVerRoles} from "../../src/QUIVerRoles.sol";
import {QUIVerStaking} from "../../src/QUIVerStaking.sol";
import {Checks} from "./Checks.sol";
import {vm} from "./Vm.sol";

/// @dev Token, roles and staking as they are deployed, with accounts that have QUIV and have approved staking.
abstract contract StakingSetup is Checks {
    uint256 internal constant QUIV = 1e18;
    uint256 internal constant FUNDS = 2_000_000 * QUIV;
    uint256 internal constant START = 1_800_000_000;

    address internal immutable multisig = address(0xA11CE);
    address internal immutable guardian = address(0x60A4D);
    address internal immutable arbiter = address(0xA4B);
    address internal immutable alice = address(0xA1);
    address internal immutable bob = address(0xB0B);
    address internal immutable carol = address(0xCA401);
    address internal immutable reporter = address(0x4E9);
    address internal immutable keeper = address(0xCEE9);

    QUIVToken internal token;
    QUIVerRoles internal roles;
    QUIVerStaking internal staking;

    function setUp() public virtual {
        vm.warp(START);
        token = new QUIVToken(address(this));
        roles = new QUIVerRoles(address(this), multisig, guardian, arbiter);
        staking = deployStaking(address(token));
        roles.wire(assignments(address(staking)));

        token.approve(address(staking), type(uint256).max);
        equip(alice);
        equip(bob);
        equip(carol);
        equip(reporter);
        equip(keeper);
    }

    function within(uint256 got, uint256 want, uint256 margin, string memory what) internal pure {
        if (got + margin < want || got > want + margin) revert NotEqual(got, want, what);
    }

    function deployStaking(address token_) internal returns (QUIVerStaking) {
        address implementation = address(new QUIVerStaking(token_));
        bytes memory call = abi.encodeCall(QUIVerStaking.initialize, (address(roles.manager())));
        return QUIVerStaking(address(new ERC1967Proxy(implementation, call)));
    }

    function assignments(address target) internal view returns (QUIVerRoles.Assignment[] memory list) {
        list = new QUIVerRoles.Assignment[](3);
        list[0] = assignment(target, roles.GUARDIAN(), IQUIVerStaking.pause.selector);
        list[1] = assignment(target, roles.RESUMER(), IQUIVerStaking.unpause.selector);
        list[2] = assignment(target, roles.ARBITER(), IQUIVerStaking.resolveSlash.selector);
    }

    function assignment(address target, uint64 role, bytes4 selector)
        internal
        pure
        returns (QUIVerRoles.Assignment memory)
    {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        return QUIVerRoles.Assignment({target: target, role: role, selectors: selectors});
    }

    function equip(address account) internal {
        require(token.transfer(account, FUNDS));
        vm.prank(account);
        token.approve(address(staking), type(uint256).max);
    }

    function stakeAs(address account, uint256 amount) internal {
        vm.prank(account);
        staking.stake(amount, false);
    }

    function fund(uint256 amount, uint256 duration) internal {
        staking.fundRewards(amount, duration);
    }

    function skip(uint256 time) internal {
        vm.warp(block.timestamp + time);
    }

    function info(address account) internal view returns (IQUIVerStaking.AccountInfo memory) {
        return staking.accountInfo(account);
    }

    function digests(uint256 first, uint256 count) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) list[i] = bytes32(first + i);
    }

    function reportFailures(address account, uint256 first, uint256 count) internal returns (bytes32) {
        vm.prank(reporter);
        return staking.proposeSlash(account, IQUIVerStaking.Violation.CanaryFailures, digests(first, count));
    }

    function reportPair(address account, uint256 first) internal returns (bytes32) {
        vm.prank(reporter);
        return staking.proposeSlash(account, IQUIVerStaking.Violation.Equivocation, digests(first, 2));
    }
}

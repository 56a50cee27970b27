// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {QUIVerRoles} from "../src/QUIVerRoles.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {vm} from "./support/Vm.sol";

contract RolesTest is StakingSetup {
    function test_TimelockIsTheOnlyAdmin() public view {
        AccessManager manager = roles.manager();
        uint64 admin = manager.ADMIN_ROLE();
        address timelock = address(roles.timelock());
        isTrue(member(admin, timelock), "timelock");
        address[5] memory others = [multisig, guardian, arbiter, address(this), address(roles)];
        for (uint256 i = 0; i < others.length; ++i) isTrue(!member(admin, others[i]), "nobody else");
        isTrue(roles.wired(), "wired");
    }

    function test_Members() public view {
        isTrue(member(roles.GUARDIAN(), guardian), "guardian");
        isTrue(member(roles.ARBITER(), arbiter), "arbiter");
        isTrue(member(roles.RESUMER(), multisig), "resumer");
        isTrue(!member(roles.GUARDIAN(), multisig), "no more than that");
    }

    function test_TimelockIsTheMultisigs() public view {
        TimelockController timelock = roles.timelock();
        eq(timelock.getMinDelay(), 48 hours, "delay");
        isTrue(timelock.hasRole(timelock.PROPOSER_ROLE(), multisig), "proposes");
        isTrue(timelock.hasRole(timelock.EXECUTOR_ROLE(), multisig), "executes");
        isTrue(timelock.hasRole(timelock.CANCELLER_ROLE(), multisig), "cancels");
        isTrue(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(timelock)), "governs itself");
        address[3] memory others = [address(this), address(roles), guardian];
        for (uint256 i = 0; i < others.length; ++i) {
            isTrue(!timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), others[i]), "no other admin");
            isTrue(!timelock.hasRole(timelock.PROPOSER_ROLE(), others[i]), "no other proposer");
        }
    }

    function test_FunctionsHaveTheirRoles() public view {
        AccessManager manager = roles.manager();
        eq(manager.getTargetFunctionRole(address(staking), IQUIVerStaking.pause.selector), roles.GUARDIAN(), "pause");
        eq(manager.getTargetFunctionRole(address(staking), IQUIVerStaking.unpause.selector), roles.RESUMER(), "resume");
        eq(
            manager.getTargetFunctionRole(address(staking), IQUIVerStaking.resolveSlash.selector),
            roles.ARBITER(),
            "resolve"
        );
        eq(
            manager.getTargetFunctionRole(address(staking), staking.upgradeToAndCall.selector),
            manager.ADMIN_ROLE(),
            "upgrade"
        );
    }

    function test_WireOnce() public {
        QUIVerRoles.Assignment[] memory list = assignments(address(staking));
        vm.expectRevert(QUIVerRoles.AlreadyWired.selector);
        roles.wire(list);
    }

    function test_WireIsTheDeployers() public {
        QUIVerRoles fresh = new QUIVerRoles(address(this), multisig, guardian, arbiter);
        QUIVerRoles.Assignment[] memory list = assignments(address(staking));
        vm.expectRevert(abi.encodeWithSelector(QUIVerRoles.OnlyDeployer.selector, multisig));
        vm.prank(multisig);
        fresh.wire(list);
        vm.expectEmit(address(fresh));
        emit QUIVerRoles.Wired(address(fresh.manager()), address(fresh.timelock()));
        fresh.wire(list);
    }

    function test_RejectsNobody() public {
        vm.expectRevert(QUIVerRoles.ZeroAddress.selector);
        new QUIVerRoles(address(this), address(0), guardian, arbiter);
        vm.expectRevert(QUIVerRoles.ZeroAddress.selector);
        new QUIVerRoles(address(this), multisig, address(0), arbiter);
        vm.expectRevert(QUIVerRoles.ZeroAddress.selector);
        new QUIVerRoles(address(this), multisig, guardian, address(0));
    }

    function test_RolesChangeOnlyThroughTheTimelock() public {
        AccessManager manager = roles.manager();
        uint64 role = roles.GUARDIAN();
        vm.expectPartialRevert(IAccessManager.AccessManagerUnauthorizedAccount.selector);
        vm.prank(multisig);
        manager.grantRole(role, alice, 0);

        TimelockController timelock = roles.timelock();
        bytes memory call = abi.encodeCall(AccessManager.grantRole, (role, alice, 0));
        vm.startPrank(multisig);
        timelock.schedule(address(manager), 0, call, 0, 0, 48 hours);
        skip(48 hours);
        timelock.execute(address(manager), 0, call, 0, 0);
        vm.stopPrank();
        vm.prank(alice);
        staking.pause();
    }

    function test_ClosingTheTargetStopsNoExit() public {
        stakeAs(alice, 1_000 * QUIV);
        AccessManager manager = roles.manager();
        vm.prank(address(roles.timelock()));
        manager.setTargetClosed(address(staking), true);
        vm.startPrank(alice);
        staking.requestUnstake(1_000 * QUIV);
        skip(14 days);
        staking.withdraw();
        vm.stopPrank();
    }

    function member(uint64 role, address account) private view returns (bool is_) {
        (is_,) = roles.manager().hasRole(role, account);
    }
}
